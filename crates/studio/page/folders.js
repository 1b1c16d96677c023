// Derives classes from the folders that files are dropped with.

/** @typedef {import("./files.js").Named} Named */

/** @param {Named} named */
const isPicture = ({ name, file }) => file.type.startsWith("image/") || /\.(avif|hei[cf]|jxl|tiff?)$/i.test(name);

/**
 * For each top-level folder, its subfolders that contain pictures, where "" is the top-level folder itself. Files
 * without a folder have the top-level folder "".
 * @param {Named[]} files @returns {Map<string, Set<string>>}
 */
function topFolders(files) {
  const tops = new Map();
  for (const { name } of files.filter(isPicture)) {
    const parts = name.split("/");
    const top = parts.length > 1 ? parts[0] : "";
    const inner = parts.length > 2 ? parts[1] : "";
    tops.set(top, (tops.get(top) ?? new Set()).add(inner));
  }
  return tops;
}

/**
 * Whether files come in folders of several classes: in several folders, or in one folder with several subfolders, and
 * no picture outside of them.
 * @param {Named[]} files
 */
export function haveClasses(files) {
  const tops = topFolders(files);
  if (tops.has("")) return false;
  const [first] = tops.values();
  return tops.size > 1 || (first !== undefined && first.size > 1 && !first.has(""));
}

/**
 * The same files, named `CLASS/file`. A top-level folder that contains pictures itself is a class, with everything in
 * it; otherwise, each of its subfolders is a class.
 * @template {Named} T @param {T[]} files @returns {T[]}
 */
export function withClasses(files) {
  const tops = topFolders(files);
  return files.map((one) => {
    const [top, inner, ...rest] = one.name.split("/");
    const last = rest.at(-1);
    return last === undefined ? one : { ...one, name: `${tops.get(top)?.has("") ? top : inner}/${last}` };
  });
}
