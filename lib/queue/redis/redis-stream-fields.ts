/** A message as socket.io's streams adapter writes it into the stream. */
export interface Fields {
  uid: string;
  nsp: string;
  type: string;
  data?: string;
  /** Which of our own broadcasts it is, where one waits for its turn. */
  mark?: string;
}

/** The fields as one text: those that are short as JSON on the first line, then the data as they are. */
export function writeFields({ uid, nsp, type, data = '', mark = '' }: Fields): Buffer {
  return Buffer.from(`${JSON.stringify([uid, nsp, type, mark])}\n${data}`);
}

/** What was written; throws for what was not. */
export function readFields(payload: Buffer): Fields {
  const text = payload.toString();
  const end = text.indexOf('\n');
  const head: unknown = JSON.parse(text.slice(0, end));
  const isWritten = Array.isArray(head) && head.every((field) => typeof field === 'string');
  if (!isWritten || head.length !== 4) throw new TypeError('an entry of the stream is malformed');
  const [uid, nsp, type, mark] = head as [string, string, string, string];
  const data = text.slice(end + 1);
  return { uid, nsp, type, ...(data !== '' && { data }), ...(mark !== '' && { mark }) };
}
