/** What `flask-socket --help` says. */
export const USAGE = `Speaks to the clients of Socket.IO servers through their message queue.

Usage:
  flask-socket emit <event> [value …] [options]    each value is JSON and one argument of the event
  flask-socket send <value> [options]              a message, or with --json a json event
  flask-socket close-room <room> [options]         everybody leaves the room
  flask-socket disconnect <sid> [options]          the client's connection to the namespace ends

A value that is - is read from the standard input.

Options:
  -q, --queue <url>       the servers' message queue            (environment: MESSAGE_QUEUE)
      --channel <name>    the servers' channel                  (default: flask-socketio)
      --secret <text>     the servers' queueSecret              (environment: FLASK_SOCKET_SECRET)
      --protocol <name>   flask-socketio, for servers of Python (default: socket.io)
  -n, --namespace <name>  the namespace                         (default: /)
      --timeout <ms>      how long the broker may take          (default: 5000)
      --to <room>         a room or a sid; may be repeated      (default: everybody; emit, send)
      --user <id>         a user; may be repeated               (emit, send)
      --skip-sid <sid>    leave a client out; may be repeated   (emit, send)
      --json              send a json event                     (send)
  -h, --help              this text
  -v, --version           the version

Exit codes:
  0  the broker has taken the message
  1  it has not: it could not be reached, or refused
  2  the command line is wrong; nothing was sent

Examples:
  flask-socket emit 'my event' '{"data":"foo"}' --queue redis://localhost --namespace /test
  flask-socket send '"Hello"' --to lobby
`;

/** A command line that makes no sense; the message says where. */
export class UsageError extends Error {}
