// What install.spec.ts runs with Jest in an application of NestJS 11; there its name ends in .spec.ts.
import { Test } from '@nestjs/testing';
import { FlaskSocketModule } from 'nestjs-flask-socket';
import { createTestClient } from 'nestjs-flask-socket/testing';
import { ChatGateway } from './chat.gateway';

describe('ChatGateway', () => {
  it('answers', async () => {
    const imports = [FlaskSocketModule.forRoot()];
    const module = await Test.createTestingModule({ imports, providers: [ChatGateway] }).compile();
    const app = module.createNestApplication();
    await app.init();
    const client = await createTestClient(app);

    expect(await client.call('my event', { text: 'Hello' })).toBe('delivered');
    expect(client.getReceived()).toEqual([
      { name: 'my response', args: [{ text: 'Hello' }], namespace: '/' },
    ]);

    await app.close();
  });
});
