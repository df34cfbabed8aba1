import {
  Injectable,
  type CallHandler,
  type CanActivate,
  type ExecutionContext,
  type NestInterceptor,
  type PipeTransform,
} from '@nestjs/common';
import { map } from 'rxjs';

// A guard, a pipe and an interceptor, the same ones in front of all handlers that have them.

@Injectable()
export class KnownHandler implements CanActivate {
  canActivate(context: ExecutionContext) {
    return context.getHandler() !== undefined;
  }
}

@Injectable()
export class Present implements PipeTransform {
  transform(data: unknown) {
    if (data === undefined) throw new TypeError('no data');
    return data;
  }
}

@Injectable()
export class Mapped implements NestInterceptor {
  intercept(_context: ExecutionContext, next: CallHandler) {
    return next.handle().pipe(map((result: unknown) => result));
  }
}
