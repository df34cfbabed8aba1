import { Module } from '@nestjs/common';
import { FlaskSocketModule } from 'nestjs-flask-socket';
import { AuctionGateway } from './auction.gateway.js';

@Module({
  imports: [FlaskSocketModule.forRoot()],
  providers: [AuctionGateway],
})
export class AppModule {}
