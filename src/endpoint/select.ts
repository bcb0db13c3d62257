/** The filesystems that a job's filter selects, by name and by property. */
import type { FilesystemFilter, PropertyCondition } from "../config/config.ts";
import type { ListingRequest } from "../zfs/argv.ts";
import { listProperty } from "../zfs/list.ts";
import type { Runner } from "../zfs/runner.ts";
import { listingFor } from "./filter-roots.ts";
import { type Observation, observe } from "./observe.ts";
import { lookOnce } from "./remember.ts";

/** As `observe`, of all that the filter can select or of one filesystem; a condition on a property costs one process more. */
export function observeSelected(runner: Runner, filter: FilesystemFilter, only?: string): Promise<Observation> {
  if (only !== undefined) return select(runner, filter, { roots: [only], depth: 1 }, (name) => name === only);
  return lookOnce(runner, filter, () => select(runner, filter, listingFor(filter), () => true));
}

async function select(
  runner: Runner,
  filter: FilesystemFilter,
  request: ListingRequest,
  wanted: (name: string) => boolean,
): Promise<Observation> {
  const { byProperty } = filter;
  const matches = (name: string) => wanted(name) && filter.match(name);
  if (byProperty === undefined) return observe(runner, request, matches);
  const values = await listProperty(runner, byProperty.property, request.roots);
  return observe(runner, request, (name) => matches(name) && hasProperty(byProperty, values.get(name)));
}

/** Whether a property's value, local or inherited, fulfils the condition; undefined = not set. */
export function hasProperty({ values }: PropertyCondition, value: string | undefined): boolean {
  return value !== undefined && values.includes(value);
}
