/** What is wrong with the name of a ZFS property for `zfs recv -o` and `-x` (§2.11b). */
export function propertyNameProblem(name: string): string | undefined {
  if (name.startsWith("-")) return "must not start with -";
  if (name.length > 256) return "must not be longer than 256 characters";
  if (!/^[0-9a-zA-Z\-_.:]+$/.test(name)) return "must be a property's name: letters, digits and - _ . :";
  return undefined;
}

/** What is wrong with the name of a user property. */
export function userPropertyNameProblem(name: string): string | undefined {
  if (!name.includes(":")) return `is ${JSON.stringify(name)}; must contain a colon, as all user properties do`;
  if (/[A-Z]/.test(name)) return `is ${JSON.stringify(name)}; user properties have no capital letters`;
  return propertyNameProblem(name);
}
