/**
 * Log lines to syslog. Node has no unix datagram sockets, which /dev/log mostly is: logger(1) has, and finds the socket.
 * It is started with the first line and gets all of them on its stdin.
 */
import { spawn } from "node:child_process";
import { Writable } from "node:stream";
import type { LogOutlet, SyslogOutlet } from "../config/global-config.ts";
import { formatLog } from "./log-format.ts";
import { RemoteOutlet } from "./remote-outlet.ts";
import { prefixLines, SEVERITY } from "./stderr-outlet.ts";

/** In the order of their codes, syslog(3); 12 to 15 have no names that zrepl knows. */
const FACILITIES = [
  ...["kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp"],
  ...["", "", "", "", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7"],
];

/** `socket`: another than logger(1) looks for. */
export function syslogOutlet(outlet: LogOutlet & SyslogOutlet, socket?: string): RemoteOutlet {
  const facility = FACILITIES.indexOf(outlet.facility);
  return new RemoteOutlet({
    level: outlet.level,
    name: "syslog",
    format: (record, timeMs) => {
      const text = formatLog(record, { logFormat: outlet.format, time: false, timeMs, paint: (_level, part) => part });
      return prefixLines(text, `<${facility * 8 + SEVERITY[record.level]}>`);
    },
    open: () => startLogger(socket),
    retryMs: outlet.retrySec * 1000,
  });
}

function startLogger(socket: string | undefined): Writable {
  const where = socket === undefined ? [] : ["--socket", socket];
  // a process group of its own: Ctrl-C must not end it before the last lines
  const child = spawn(
    "logger",
    ["--prio-prefix", "--socket-errors=on", "--tag", "zrepl-run", `--id=${process.pid}`, ...where],
    {
      stdio: ["pipe", "ignore", "pipe"],
      detached: true,
    },
  );
  let said = "";
  child.stderr.on("data", (chunk: Buffer) => {
    said += chunk;
  });
  // stands for the process: closed only when it has ended, so that no line is still inside
  const stream = new Writable({
    decodeStrings: false,
    write: (text: string, _encoding, done) => {
      // after an error "close" comes, and knows why
      child.stdin.write(text, (error) => (error ? undefined : done()));
    },
    final: (done) => {
      child.stdin.end();
      if (child.exitCode === null) child.once("close", () => done());
      else done();
    },
    destroy: (error, done) => {
      child.stdin.destroy();
      child.kill();
      done(error);
    },
  });
  child.on("error", (error) => stream.destroy(error));
  child.stdin.on("error", () => undefined); // "close" says why
  child.once("close", (code) => {
    if (code !== 0) stream.destroy(new Error(said.trim() || `logger exited with ${code}`));
    else if (!stream.writableEnded) stream.destroy();
  });
  return stream;
}
