export const SETUPS = ["snapshots", "local", "push", "sink", "pull", "source"] as const;

export type Setup = (typeof SETUPS)[number];
