import {
  args,
  Auth,
  call,
  ConnectionRefusedError,
  emit,
  OnConnect,
  OnError,
  OnEvent,
  request,
  session,
  SocketGateway,
  SocketIO,
} from 'nestjs-flask-socket';

interface Bid {
  bidder: string;
  amount: number;
}

/** An auction of one thing: the highest bid is known to all, and the hammer falls ten seconds after it is raised. */
@SocketGateway('/auction')
export class AuctionGateway {
  #highest: Bid & { sid?: string } = { bidder: 'nobody', amount: 0 };

  constructor(private readonly socketio: SocketIO) {}

  @OnConnect()
  connect(@Auth() auth: { name?: string } = {}) {
    if (!auth.name) throw new ConnectionRefusedError('Tell us your name', { missing: 'name' });
    session['name'] = auth.name;
    emit('highest', this.#bid);
  }

  @OnEvent('bid')
  bid(amount: number) {
    if (!(amount > this.#highest.amount)) throw new Error(`Bid more than ${this.#highest.amount}`);
    this.#highest = { bidder: String(session['name']), amount, sid: request.sid };
    emit('highest', this.#bid, { broadcast: true });
    return args('accepted', amount);
  }

  @OnEvent('raise hammer')
  async raiseHammer() {
    emit('going', this.#bid, { broadcast: true });
    await this.socketio.sleep(10_000);
    const answer = await call('will you pay', this.#highest.amount, { to: this.#highest.sid });
    emit(answer === 'yes' ? 'sold' : 'unsold', this.#bid, { broadcast: true });
  }

  @OnError()
  failed(error: Error) {
    return { error: error.message };
  }

  get #bid(): Bid {
    const { bidder, amount } = this.#highest;
    return { bidder, amount };
  }
}
