import type { RawConnect, RawServe } from "../generated/raw-config.ts";
import { unreachable } from "../unreachable.ts";
import type { Connect, Serve } from "./config.ts";
import { clientMapProblem } from "./grammar/client-map.ts";
import { parseGoDuration } from "./grammar/duration.ts";
import type { Site } from "./site.ts";

/** `connect:` of a push or pull job. */
export function toConnect(raw: RawConnect, site: Site): Connect {
  const dialTimeoutSec = parseGoDuration(raw.dial_timeout);
  if (raw.type === "local")
    return { type: raw.type, listenerName: raw.listener_name, clientIdentity: raw.client_identity, dialTimeoutSec };
  const keepAliveSec = parseGoDuration(raw.keep_alive);
  if (keepAliveSec < 1 || keepAliveSec > 3600) site.at("keep_alive").problem("must be at least 1s and at most 1h");
  const timeouts = { dialTimeoutSec, keepAliveSec: Math.ceil(keepAliveSec) };
  switch (raw.type) {
    case "tcp":
      return { type: raw.type, address: raw.address, ...timeouts };
    case "tls": {
      const { type, address, ca, cert, key, server_cn: serverCn } = raw;
      return { type, address, ca, cert, key, serverCn, ...timeouts };
    }
    case "ssh+stdinserver": {
      if (site.at("transport_open_command").isGiven())
        site.at("transport_open_command").warn("has no effect, as in zrepl; use ssh_command");
      const { type, host, user, port, options } = raw;
      const paths = { identityFile: raw.identity_file, sshCommand: raw.ssh_command || "ssh" };
      return { type, host, user, port, options, ...paths, ...timeouts };
    }
    default:
      return unreachable(raw);
  }
}

/** `serve:` of a sink or source job. */
export function toServe(raw: RawServe, site: Site): Serve {
  switch (raw.type) {
    case "tcp": {
      checkClients(raw.clients, site.at("clients"));
      warnOfListening(site);
      const clients = new Map(Object.entries(raw.clients));
      return { type: raw.type, listen: raw.listen, listenFreebind: raw.listen_freebind, clients };
    }
    case "tls": {
      warnOfListening(site);
      const { type, listen, listen_freebind: listenFreebind, ca, cert, key, client_cns: clientCns } = raw;
      const handshakeTimeoutSec = parseGoDuration(raw.handshake_timeout);
      return { type, listen, listenFreebind, ca, cert, key, clientCns, handshakeTimeoutSec };
    }
    case "stdinserver":
      return { type: raw.type, clientIdentities: raw.client_identities };
    case "local":
      return { type: raw.type, listenerName: raw.listener_name };
    default:
      return unreachable(raw);
  }
}

function checkClients(clients: Readonly<Record<string, string>>, site: Site): void {
  for (const [key, identity] of Object.entries(clients)) {
    const problem = clientMapProblem(key, identity);
    if (problem !== undefined) site.at(key).problem(problem);
  }
}

function warnOfListening(site: Site): void {
  site.at("listen").warn("no process of zrepl-run listens all the time; a systemd socket unit does it");
}
