import { Module } from '@nestjs/common';
import { FlaskSocketModule, run } from 'nestjs-flask-socket';

@Module({ imports: [FlaskSocketModule.forRoot()] })
class AppModule {}

if (process.argv[2] === 'awaited') await run(AppModule);
else if (process.argv[2] === 'logs nothing') void run(AppModule, { logger: false });
else void run(AppModule);
