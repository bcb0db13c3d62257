/** Ends a switch over a union: a new member that is not handled fails to compile at the call. */
export function unreachable(value: never): never {
  throw new Error(`unexpected value: ${JSON.stringify(value)}`);
}
