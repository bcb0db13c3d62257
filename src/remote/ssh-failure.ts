/** What OpenSSH's complaints mean for somebody who wants backups. Pure. */
import type { Connect } from "../config/config.ts";

type SshConnect = Extract<Connect, { type: "ssh+stdinserver" }>;

/** The message to show instead of ssh's own, and what to do; an empty object where ssh's words are best. */
export function explainSshFailure(
  { host, port, user, identityFile }: SshConnect,
  said: string,
  exitCode: number | null,
): { readonly message?: string; readonly hint?: string } {
  const known = `known_hosts${port === 22 ? "" : ` as [${host}]:${port}`}`;
  if (/REMOTE HOST IDENTIFICATION HAS CHANGED/.test(said))
    return {
      message: `the host key of ${host} is not the one in known_hosts: either it was changed, or somebody is in between`,
      hint: `if the change is known to be right: ssh-keygen -R '${port === 22 ? host : `[${host}]:${port}`}', then accept the new key once by hand`,
    };
  if (/Host key verification failed|No .*host key is known/.test(said))
    return {
      message: `the host key of ${host} is not known`,
      hint: `connect once by hand and compare the fingerprint, or add the key to ${known}: ssh -p ${port} ${user}@${host}`,
    };
  if (/Permission denied/.test(said))
    return {
      message: `${host} refuses the key for user ${user}: ${said}`,
      hint: `put the public key of ${identityFile} into ${user}'s authorized_keys there, with command="zrepl-run stdinserver CLIENT",restrict before it`,
    };
  if (/UNPROTECTED PRIVATE KEY|bad permissions/.test(said)) return { hint: `chmod 600 ${identityFile}` };
  if (/Could not resolve hostname/.test(said)) return { hint: "check connect.host" };
  if (/Connection refused/.test(said))
    return { hint: `nothing listens on port ${port} of ${host}: is sshd running, is connect.port right?` };
  if (exitCode === 127 || /command not found|not found$/.test(said))
    return {
      hint: `authorized_keys on ${host} needs command="/path/to/zrepl-run stdinserver CLIENT",restrict before the key`,
    };
  return {};
}
