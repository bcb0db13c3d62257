/** What is wrong with the name of a ZFS property for `zfs recv -o` and `-x` (§2.11b). */
export function propertyNameProblem(name: string): string | undefined {
  if (name.startsWith("-")) return "must not start with -";
  if (name.length > 256) return "must not be longer than 256 characters";
  if (!/^[0-9a-zA-Z\-_.:]+$/.test(name)) return "must be a property's name: letters, digits and - _ . :";
  return undefined;
}
