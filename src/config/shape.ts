/** What the loader needs of schemas/config.schema.json: types, defaults, grammars. scripts/generate.mjs cuts it out. */
export interface Shape {
  readonly $ref?: string;
  readonly $defs?: Readonly<Record<string, Shape>>;
  readonly title?: string;
  readonly type?: string;
  readonly const?: string;
  readonly enum?: readonly string[];
  readonly default?: unknown;
  /** Name of a grammar, see grammars.ts. */
  readonly format?: string;
  readonly properties?: Readonly<Record<string, Shape>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: false | Shape;
  /** Grammar of the keys of a map. */
  readonly propertyNames?: { readonly format: string };
  readonly items?: Shape;
  /** Members of a union; `type` tells them apart. */
  readonly oneOf?: readonly Shape[];
  readonly minimum?: number;
  readonly maximum?: number;
}

/** Follows a `$ref`; what stands beside it (a default) wins. */
export function resolveShape(shape: Shape, root: Shape): Shape {
  if (shape.$ref === undefined) return shape;
  const { $ref, ...beside } = shape;
  const target = root.$defs?.[$ref.replace("#/$defs/", "")];
  if (target === undefined) throw new Error(`no definition ${$ref} in the schema`);
  return { ...target, ...beside };
}

/** The member of a union that `type` names; the shape itself if it is no union, undefined if `type` names none. */
export function unionMember(shape: Shape, type: unknown, root: Shape): Shape | undefined {
  if (shape.oneOf === undefined) return shape;
  return members(shape, root).find((member) => member.properties?.["type"]?.const === type);
}

/** The names that `type` may have in a union. */
export function unionTypes(shape: Shape, root: Shape): string[] {
  return members(shape, root).flatMap((member) => member.properties?.["type"]?.const ?? []);
}

function members(shape: Shape, root: Shape): Shape[] {
  return (shape.oneOf ?? []).map((member) => resolveShape(member, root));
}

/** A plain value with the defaults of all optional keys filled in, at every depth. */
export function withDefaults(value: unknown, shape: Shape, root: Shape): unknown {
  const resolved = resolveShape(shape, root);
  if (Array.isArray(value)) {
    const { items } = resolved;
    return items === undefined ? value : value.map((item) => withDefaults(item, items, root));
  }
  if (!isRecord(value)) return value;
  const member = unionMember(resolved, value["type"], root);
  const filled: Record<string, unknown> = { ...value };
  for (const [key, property] of Object.entries(member?.properties ?? {})) {
    const preset = filled[key] ?? property.default;
    if (preset !== undefined) filled[key] = withDefaults(preset, property, root);
  }
  return filled;
}

/** Whether a plain value is a map. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
