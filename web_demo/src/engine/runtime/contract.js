// What the JSON files beside the models say: models/fau_metadata.json, the contract of the AU model,
// and models/reader.json, which `make web` writes (files, limits of the quality measures).

import { hasSides } from "../decode.js";
import { downloadJson } from "./download.js";

const READABLE_VERSIONS = [1, 2];
const REQUIRED = ["image_size", "heatmap_size", "landmarks", "crop", "aus", "centers", "variants"];

/** Return {metadata, reader}. @param base URL of the assembled folder. */
export async function loadContract(base) {
  const [metadata, reader] = await Promise.all(
    ["models/fau_metadata.json", "models/reader.json"].map((file) => downloadJson(new URL(file, base))),
  );
  checkMetadata(metadata);
  return { metadata, reader };
}

/** Throw unless this code reads models of such metadata. */
export function checkMetadata(metadata) {
  if (!READABLE_VERSIONS.includes(metadata.contract_version)) {
    throw new Error(
      `fau_metadata.json: contract_version must be ${READABLE_VERSIONS.join(" or ")}, ` +
        `not ${metadata.contract_version}. Take page and models of one version.`,
    );
  }
  const lacking = REQUIRED.filter((key) => !(key in metadata));
  if (lacking.length) {
    throw new Error(`fau_metadata.json: ${lacking.join(", ")} missing. Export the models again.`);
  }
}

/**
 * Return [key, row] of `variants` in the metadata.
 *
 * @param wanted its key, or the end of it: "int8" is "static_int8".
 */
export function variantOf(metadata, wanted) {
  const rows = Object.entries(metadata.variants);
  const found = rows.find(([key]) => key === wanted) ?? rows.find(([key]) => key.endsWith(`_${wanted}`));
  if (!found) {
    const known = rows.map(([key]) => key).join(", ");
    throw new Error(`variant must be one of ${known}, not ${JSON.stringify(wanted)}.`);
  }
  return found;
}

/** Return the AUs as `info.aus` of a reader lists them. */
export function auRows(metadata) {
  const criteria = metadata.low_reliability_criteria ?? {};
  return metadata.aus.map(({ label, number, name, centers, low_reliability: failed = [] }) => ({
    label,
    number,
    name,
    sided: hasSides(centers),
    lowReliability: failed.length > 0,
    reasons: failed.map((row) => `${criteria[row.criterion] ?? row.criterion} is ${row.value}, below ${row.limit}`),
  }));
}
