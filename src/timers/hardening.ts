/**
 * What systemd takes from a service of ours, and why not more. A line is here only if snapshots, send, receive, prune and ssh work
 * with it; what is missing and would look natural is argued in a comment.
 */

/** Paths that the service writes to, besides the lock directory in /run. */
export interface Confinement {
  readonly writable: readonly string[];
}

/**
 * For services of the system's manager. `zfs` talks to the kernel through /dev/zfs, as root with CAP_SYS_ADMIN; we receive with -u and
 * rename with -u, so nothing is mounted, and a mount namespace of our own does no harm.
 */
export function hardening({ writable }: Confinement): string[] {
  return [
    "# the kernel does the work, asked through /dev/zfs; volumes are not opened",
    "DevicePolicy=closed",
    "DeviceAllow=/dev/zfs rw",
    // PrivateDevices=yes would hide /dev/zfs
    "# ZFS wants CAP_SYS_ADMIN; the other two are for keys and programs of other users",
    "CapabilityBoundingSet=CAP_SYS_ADMIN CAP_DAC_OVERRIDE CAP_DAC_READ_SEARCH",
    "# ssh reads its keys in home directories; what we write is in /run, the journal, on the pools, and where the config says",
    "ProtectSystem=strict",
    "ProtectHome=read-only",
    ...writable.map((path) => `ReadWritePaths=-${quote(path)}`),
    "PrivateTmp=yes",
    "ProtectClock=yes",
    "ProtectControlGroups=yes",
    "ProtectHostname=yes",
    "ProtectKernelLogs=yes",
    "ProtectKernelModules=yes",
    "ProtectKernelTunables=yes",
    // ProtectProc=invisible would make the owners of locks look dead
    "# ssh, tcp and name service; netlink tells it which addresses there are",
    "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK",
    // PrivateNetwork=yes, IPAddressDeny=any: notifications and logs may go over the network also from local jobs
    ...unprivileged(),
  ];
}

/** The part that also a user's manager can do, which has no privileges to give away. */
export function unprivileged(): string[] {
  return [
    "NoNewPrivileges=yes",
    "LockPersonality=yes",
    "RestrictNamespaces=yes",
    "RestrictRealtime=yes",
    "RestrictSUIDSGID=yes",
    // MemoryDenyWriteExecute=yes: Node compiles JavaScript at run time
    "SystemCallArchitectures=native",
    "SystemCallFilter=@system-service",
    "SystemCallErrorNumber=EPERM",
    "UMask=0077",
  ];
}

/** A word of a unit file: specifiers and variables are not expanded, blanks don't end it. */
export function quote(word: string): string {
  const literal = word.replaceAll("%", "%%").replaceAll("\\", "\\\\").replaceAll('"', '\\"');
  return /[\s'"\\;]/.test(word) || word === "" ? `"${literal}"` : literal;
}
