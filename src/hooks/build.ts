/** From a config's hooks to hooks that run. */
import type { CommandHookConfig, HookConfig } from "../config/config.ts";
import { unreachable } from "../unreachable.ts";
import { commandHook, type HookContext } from "./command-hook.ts";
import { mysqlHook } from "./mysql-hook.ts";
import { postgresHook } from "./postgres-hook.ts";
import type { Hook } from "./stack.ts";

export function buildHook(config: HookConfig | CommandHookConfig, context: HookContext): Hook {
  switch (config.type) {
    case "command":
      return commandHook(config, context);
    case "postgres-checkpoint":
      return postgresHook({ ...config, dsn: config.dsn }, context);
    case "mysql-lock-tables":
      return mysqlHook({ ...config, dsn: config.dsn }, context);
    default:
      return unreachable(config);
  }
}

/** How a hook is named to people: its path, or its type. */
export function hookName(config: HookConfig | CommandHookConfig): string {
  return config.type === "command" ? config.path : config.type;
}
