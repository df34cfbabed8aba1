import 'nestjs-flask-socket';

// Augmentation is global to a program: this folder is one of its own.
declare module 'nestjs-flask-socket' {
  interface ServerEvents {
    'my response': (data: { data: string }) => void;
    moved: (x: number, y: number) => void;
    ping: () => void;
    question: (text: string, answered: (answer: number) => void) => void;
    survey: (text: string, more: boolean, answered: (first: string, second: number) => void) => void;
    notice: (read: () => void) => void;
  }

  interface ClientEvents {
    'my event': (first: string, second: number) => void;
    'how many': (of: string, answered: (count: number) => void) => void;
  }

  interface SessionData {
    username?: string;
  }
}
