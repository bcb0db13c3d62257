import type { Session } from "./recv-session.ts";
import type { Dataset, Snapshot } from "./world.ts";

/** Stores what -p sent, what -o sets, and leaves out what -x excludes. */
export function storeReceived(
  session: Pick<Session, "compound" | "options"> & { readonly dataset: Dataset },
  snapshot: Snapshot | null,
): void {
  const { dataset, compound, options } = session;
  const sent = compound?.properties;
  if (sent) {
    for (const name of Object.keys(dataset.props)) {
      const value = dataset.props[name];
      if (value?.received !== undefined && !(name in sent)) delete value.received;
    }
    for (const [name, value] of Object.entries(sent))
      if (!options.excluded.includes(name)) dataset.props[name] = { ...dataset.props[name], received: value };
    for (const [name, value] of Object.entries(compound.snapshotProperties[snapshot?.name ?? ""] ?? {}))
      if (snapshot && !options.excluded.includes(name)) snapshot.props[name] = { received: value };
  }
  for (const [name, value] of options.overrides) dataset.props[name] = { ...dataset.props[name], local: value };
}
