/** A control socket as zrepl's daemon has it. */
import { createServer, type RequestListener } from "node:http";
import { onTestFinished } from "vitest";

export async function fakeDaemon(socket: string, listener: RequestListener): Promise<void> {
  const server = createServer(listener);
  await new Promise<void>((done) => server.listen(socket, done));
  onTestFinished(() => {
    server.closeAllConnections();
    return new Promise<void>((done) => server.close(() => done()));
  });
}
