// Which points are meant: the nearest, those within a lasso, the next one in a direction.

export function nearest(points, visible, x, y, most = Infinity) {
  let best = -1, closest = most * most;
  for (let k = 0; k < visible.length; k++) {
    if (!visible[k]) continue;
    const distance = (points[2 * k] - x) ** 2 + (points[2 * k + 1] - y) ** 2;
    if (distance <= closest) [best, closest] = [k, distance];
  }
  return best;
}

// Rows whose points lie within a polygon [[x, y], ...] (even-odd rule).
export function within(points, visible, polygon) {
  const rows = [];
  for (let k = 0; k < visible.length; k++) {
    if (!visible[k]) continue;
    const [x, y] = [points[2 * k], points[2 * k + 1]];
    let inside = false;
    for (let a = 0, b = polygon.length - 1; a < polygon.length; b = a++) {
      const [xa, ya] = polygon[a], [xb, yb] = polygon[b];
      if (ya > y !== yb > y && x < ((xb - xa) * (y - ya)) / (yb - ya) + xa) inside = !inside;
    }
    if (inside) rows.push(k);
  }
  return rows;
}

// The closest point in a direction (dx, dy), those straight ahead first; -1 if there is none.
export function inDirection(points, visible, from, dx, dy) {
  let best = -1, least = Infinity;
  const [x, y] = [points[2 * from], points[2 * from + 1]];
  for (let k = 0; k < visible.length; k++) {
    if (!visible[k] || k === from) continue;
    const [u, v] = [points[2 * k] - x, points[2 * k + 1] - y];
    const ahead = u * dx + v * dy;
    const aside = Math.abs(u * dy - v * dx);
    if (ahead <= 0 || aside > ahead) continue;
    const cost = ahead + 2 * aside;
    if (cost < least) [best, least] = [k, cost];
  }
  return best;
}
