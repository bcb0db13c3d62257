import { openDataset } from "./lookup.ts";
import { parseOptions } from "./options.ts";
import { fail, ok, type Result } from "./result.ts";
import { usage } from "./usage.ts";
import type { World } from "./world.ts";

/** `zfs allow USER PERM,… DATASET` */
export function cmdAllow(world: World, args: readonly string[]): Result {
  const { operands } = parseOptions("zfs allow", "ldugec", args);
  const [user, permissions, name] = operands;
  if (user === undefined) fail(usage("zfs allow"), 2);
  if (permissions === undefined || name === undefined) {
    openDataset(world, user);
    return ok();
  }
  openDataset(world, name);
  const users = world.allows[name] ?? {};
  users[user] = [...new Set([...(users[user] ?? []), ...permissions.split(",")])];
  world.allows[name] = users;
  return ok();
}

/** `zfs unallow USER [PERM,…] DATASET` */
export function cmdUnallow(world: World, args: readonly string[]): Result {
  const { operands } = parseOptions("zfs allow", "rldugec", args);
  const [user, permissions, name = permissions] = operands;
  if (user === undefined || name === undefined) fail(usage("zfs allow"), 2);
  openDataset(world, name);
  const users = world.allows[name];
  if (users === undefined) return ok();
  const gone = operands.length > 2 ? (permissions ?? "").split(",") : undefined;
  users[user] = gone === undefined ? [] : (users[user] ?? []).filter((permission) => !gone.includes(permission));
  return ok();
}
