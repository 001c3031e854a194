// Head pose from mesh points: a least-squares fit of MediaPipe's canonical face;
// fau_tf/face/head_pose.py. Scaled orthographic projection.

const DEGREES = 180 / Math.PI;

/**
 * Return {yaw, pitch, roll} in degrees; 0, 0, 0 faces the camera.
 *
 * @param mesh 478 points x0, y0, x1, y1, ..., px.
 * @param rigid rows [mesh point, x, y, z] of the canonical face, cm: `rigid_points` of reader.json.
 */
export function headPose(mesh, rigid) {
  const { shape, solve } = fitOf(rigid);
  const count = rigid.length;
  const middle = [0, 1].map((axis) => rigid.reduce((sum, [i]) => sum + mesh[2 * i + axis], 0) / count);
  // Right-hand sides of the normal equations, for picture x and (upward) y.
  const sides = [[0, 0, 0], [0, 0, 0]];
  rigid.forEach(([i], row) => {
    const [x, y] = [mesh[2 * i] - middle[0], middle[1] - mesh[2 * i + 1]];
    for (let k = 0; k < 3; k++) {
      sides[0][k] += shape[row][k] * x;
      sides[1][k] += shape[row][k] * y;
    }
  });
  const [across, up] = orthonormal(solve(sides[0]), solve(sides[1]));
  const toward = cross(across, up);
  return {
    yaw: Math.asin(Math.min(Math.max(-toward[0], -1), 1)) * DEGREES,
    pitch: Math.atan2(toward[1], toward[2]) * DEGREES,
    roll: Math.atan2(up[0], across[0]) * DEGREES,
  };
}

const fits = new WeakMap();

function fitOf(rigid) {
  if (!fits.has(rigid)) fits.set(rigid, makeFit(rigid));
  return fits.get(rigid);
}

function makeFit(rigid) {
  const middle = [1, 2, 3].map((k) => rigid.reduce((sum, row) => sum + row[k], 0) / rigid.length);
  const shape = rigid.map((row) => middle.map((mean, k) => row[k + 1] - mean));
  const normal = [0, 1, 2].map((i) => [0, 1, 2].map((j) => shape.reduce((sum, row) => sum + row[i] * row[j], 0)));
  const [a, b, c] = normal;
  const det = dot(a, cross(b, c));
  const columns = [cross(b, c), cross(c, a), cross(a, b)]; // of the inverse, times det; it is symmetric
  const solve = (side) => columns.map((column) => dot(column, side) / det);
  return { shape, solve };
}

/** Return the two orthonormal rows that are closest to two rows: (L L')^(-1/2) L. */
function orthonormal(one, other) {
  const [a, b, c] = [dot(one, one), dot(one, other), dot(other, other)];
  const root = Math.sqrt(Math.max(a * c - b * b, 0));
  const scale = Math.sqrt(a + c + 2 * root);
  // Square root of [[a, b], [b, c]] is ([[a, b], [b, c]] + root I) / scale; inverted:
  const [p, q, r] = [(a + root) / scale, b / scale, (c + root) / scale];
  const det = p * r - q * q;
  const mix = (u, v) => one.map((value, k) => (u * value + v * other[k]) / det);
  return [mix(r, -q), mix(-q, p)];
}

function dot([a, b, c], [x, y, z]) {
  return a * x + b * y + c * z;
}

function cross([a, b, c], [x, y, z]) {
  return [b * z - c * y, c * x - a * z, a * y - b * x];
}
