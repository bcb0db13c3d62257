/** Native properties that a volume has not (zfsprops(7)): `zfs recv -o mountpoint=…` into a volume fails. */
const FILESYSTEM_ONLY = new Set(
  (
    "aclinherit aclmode acltype atime canmount casesensitivity defcontext context fscontext rootcontext devices dnodesize exec " +
    "filesystem_count filesystem_limit mountpoint nbmand normalization overlay quota recordsize refquota relatime setuid " +
    "sharenfs sharesmb snapdir special_small_blocks utf8only version vscan xattr zoned"
  ).split(" "),
);
const VOLUME_ONLY = new Set(["volblocksize", "volsize"]);

/** Whether a receive into this type of dataset takes the property. User properties (with a colon) always apply. */
export function applicableProperties(property: string, type: "filesystem" | "volume"): boolean {
  return !(type === "volume" ? FILESYSTEM_ONLY : VOLUME_ONLY).has(property);
}
