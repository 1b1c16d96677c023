// What the folders that files are dropped with say of their classes.

/** @typedef {import("./files.js").Named} Named */

/** @param {Named} named */
const isPicture = ({ name, file }) => file.type.startsWith("image/") || /\.(avif|hei[cf]|jxl|tiff?)$/i.test(name);

/**
 * The folders in each top folder that pictures lie in; "" is the top folder itself, and the top folder of what lies in
 * none.
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
 * Whether files come with folders of several classes: several folders, or one of several, and no picture beside them.
 * @param {Named[]} files
 */
export function haveClasses(files) {
  const tops = topFolders(files);
  if (tops.has("")) return false;
  const [first] = tops.values();
  return tops.size > 1 || (first !== undefined && first.size > 1 && !first.has(""));
}

/**
 * The same files as `CLASS/file`: a top folder with pictures of its own is a class, with all that lies in it; in
 * another each folder is one.
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
