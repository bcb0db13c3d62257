// node delay-proxy.mjs PORT MS: ssh's ProxyCommand to 127.0.0.1; every byte arrives so much later, in each direction.
import { connect } from "node:net";

const [port, delayMs] = process.argv.slice(2).map(Number);
const socket = connect({ port, host: "127.0.0.1", noDelay: true });

function join(from, to) {
  const later = (act) => (delayMs > 0 ? setTimeout(act, delayMs) : act());
  from.on("data", (chunk) => later(() => to.write(chunk)));
  from.on("end", () => later(() => to.end()));
}

join(process.stdin, socket);
join(socket, process.stdout);
socket.on("close", () => setTimeout(() => process.exit(), delayMs + 10));
