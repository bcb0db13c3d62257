/** Log lines to a tcp or tls server, a line each. */
import { readFileSync } from "node:fs";
import { connect as connectTcp, isIP } from "node:net";
import type { Writable } from "node:stream";
import { connect as connectTls } from "node:tls";
import type { LogOutlet, TcpOutlet } from "../config/global-config.ts";
import { parseHostPort } from "../config/grammar/host-port.ts";
import { formatLog } from "./log-format.ts";
import { RemoteOutlet } from "./remote-outlet.ts";

export function tcpOutlet(outlet: LogOutlet & TcpOutlet): RemoteOutlet {
  return new RemoteOutlet({
    level: outlet.level,
    name: `${outlet.tls === undefined ? "tcp" : "tls"} ${outlet.address}`,
    format: (record, timeMs) =>
      `${formatLog(record, { logFormat: outlet.format, time: true, timeMs, paint: (_level, text) => text })}\n`,
    open: () => open(outlet),
    retryMs: outlet.retrySec * 1000,
  });
}

/** @throws when a file of `tls` can't be read */
function open({ address, net, tls }: TcpOutlet): Writable {
  const { host, port } = parseHostPort(address);
  const family = net === "tcp4" ? 4 : net === "tcp6" ? 6 : 0;
  const target = { host: host || "localhost", port: Number(port), family };
  if (tls === undefined) return connectTcp(target).resume();
  const [ca, cert, key] = [readFileSync(tls.ca), readFileSync(tls.cert), readFileSync(tls.key)];
  const servername = isIP(target.host) === 0 ? { servername: target.host } : {};
  return connectTls({ ...target, ...servername, ca, cert, key }).resume();
}
