import { isWithin, splitName } from "./names.ts";
import { fail } from "./result.ts";
import type { World } from "./world.ts";

/** True if the world's user may do `permission` (the names of zfs-allow(8)) on the dataset. */
export function isPermitted(world: World, name: string, permission: string): boolean {
  if (world.user === "root") return true;
  const { fs } = splitName(name);
  return Object.entries(world.allows).some(
    ([on, users]) => isWithin(fs, on) && (users[world.user]?.includes(permission) ?? false),
  );
}

/** Fails with `what: permission denied`. */
export function requirePermission(world: World, name: string, permission: string, what: string): void {
  if (!isPermitted(world, name, permission)) fail(`${what}: permission denied`);
}
