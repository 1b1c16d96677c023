// Names of models.

/** @param {string} name */
export const nameOf = (name) => (name === "live" ? "the one that learns while you work" : name);
