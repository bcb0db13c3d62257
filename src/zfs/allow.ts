/** What `zfs allow` must have granted to a user who is not root, by role. Pure. */

export type Role = "snap" | "send" | "receive";

/**
 * The least that each role needs (tried on OpenZFS 2.1.11). Only root can mount on Linux, so `mount` is for what ZFS
 * asks before it creates or receives, not for mounting.
 */
export const REQUIRED: Readonly<Record<Role, readonly string[]>> = {
  snap: ["snapshot", "destroy", "mount"],
  send: ["send", "hold", "release", "bookmark", "destroy", "mount"],
  receive: ["receive", "create", "mount", "mountpoint", "hold", "release", "destroy", "userprop"],
};

/**
 * What is missing of a role's permissions.
 * @param listing stdout of `zfs allow FILESYSTEM`
 */
export function missingPermissions(
  listing: string,
  who: { readonly user: string; readonly groups: readonly string[] },
  role: Role,
): string[] {
  const granted = new Set<string>();
  for (const line of listing.split("\n")) {
    const [, kind, name, list = ""] = /^\t(user|group|everyone)(?: (\S+))? (\S+)$/.exec(line) ?? [];
    const isOurs =
      kind === "everyone" ||
      (kind === "user" && name === who.user) ||
      (kind === "group" && who.groups.includes(name ?? ""));
    if (isOurs) for (const permission of list.split(",")) granted.add(permission);
  }
  return REQUIRED[role].filter((permission) => !granted.has(permission));
}
