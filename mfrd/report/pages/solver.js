"use strict";

/*
The least rate within budgets, with its certificate: what mfrd.solve computes, for squared error on the line.

Letters x_i have probabilities p_i, codewords are y_j, and budget r has a level D_r on a set S_r of letters:
    min_Q I(X;Y)   s.t.   E_r = sum_{i in S_r} p_i sum_j Q_ij (x_i - y_j)^2 <= D_r.
With e_ij = (x_i - y_j)^2 - min_j (x_i - y_j)^2, left_r = D_r - least_r, least_r what the nearest codewords spend, and
prices lam_r >= 0 (nats per unit of distortion), theta_i = sum_{r: i in S_r} lam_r, the optimum is the saddle point of
    max_{lam >= 0} min_{q >= 0}  -sum_i p_i log z_i + sum_j q_j - 1 - lam . left,   z_i = sum_j q_j exp(-theta_i e_ij),
and its encoder is Q_ij = q_j A_ij, A_ij = exp(-theta_i e_ij) / z_i. With c_j = sum_i p_i A_ij it has
    1 - c_j = s_j >= 0,   q_j s_j = 0,   left_r - E_r = t_r >= 0,   lam_r t_r = 0   (E_r with e in place of d).
`interiorPoint` finds it by predictor and corrector steps (Mehrotra 1992). `lowerBound` asks nothing of how it was
found. Matrices are Float64Arrays, row by row; inside, budgets have left_r = 1, and rates are in nats.
*/

const NATS_PER_BIT = Math.LN2;
const U = 2 ** -53; // half a unit in the last place of one
const MERIT = 1e-12; // nats that an answer of the interior point may miss
const INSET = 1e-14; // share of what a budget leaves that rounding may spend
const FLOOR = 1e-17; // products q_j s_j and lam_r t_r are not driven below this
const RESOLUTION = 1e-6; // of sup c over the line
const QUADRATIC = 1e-8; // products and lacks, on average, below which a plain Newton step does as well
const MARGIN = 0.01; // share of the way to the boundary that a step leaves at first

const sum = (n, term) => {
  let total = 0;
  for (let i = 0; i < n; i++) total += term(i);
  return total;
};

// e, (n m), and the nearest codeword of each letter, (n): e is zero there.
function excesses(x, y) {
  const n = x.length, m = y.length, e = new Float64Array(n * m), nearest = new Int32Array(n);
  const d = (i, j) => (x[i] - y[j]) ** 2;
  for (let i = 0; i < n; i++) {
    for (let j = 1; j < m; j++) if (d(i, j) < d(i, nearest[i])) nearest[i] = j;
    for (let j = 0; j < m; j++) e[i * m + j] = d(i, j) - d(i, nearest[i]);
  }
  return { e, nearest };
}

// What the saddle point is made of: p, e, and w_ri = 1[i in S_r] / left_r, a row a budget.
function saddle({ x, p, y, budgets }) {
  const { e, nearest } = excesses(x, y), n = x.length, m = y.length;
  const rows = budgets.map(({ name, D, on }) => {
    const inside = (i) => !on || on[i];
    const least = sum(n, (i) => (inside(i) ? p[i] * (x[i] - y[nearest[i]]) ** 2 : 0)), left = D - least;
    return { name, D, least, left, share: sum(n, (i) => (inside(i) ? p[i] : 0)), inside };
  });
  const w = rows.map(({ left, inside }) => Float64Array.from(x, (_, i) => (inside(i) ? 1 / left : 0)));
  return { n, m, K: rows.length, p, e, nearest, rows, w };
}

// theta_i = sum_r lam_r w_ri, (n).
function slopes(S, lam) {
  return Float64Array.from(S.p, (_, i) => sum(S.K, (r) => lam[r] * S.w[r][i]));
}

// The saddle at (q, lam): A (n m) and z (n), means_i = sum_j Q_ij e_ij (n), and the gradients c (m) and E (K).
function evaluate(S, q, lam) {
  const { n, m, p, e } = S, A = new Float64Array(n * m), theta = slopes(S, lam);
  const z = new Float64Array(n), means = new Float64Array(n), c = new Float64Array(m);
  for (let i = 0; i < n; i++) {
    let total = 0, mean = 0;
    for (let j = 0, k = i * m; j < m; j++, k++) {
      A[k] = Math.exp(-theta[i] * e[k]);
      total += q[j] * A[k];
      mean += q[j] * A[k] * e[k];
    }
    z[i] = total;
    means[i] = mean / total;
    for (let j = 0, k = i * m; j < m; j++, k++) c[j] += p[i] * (A[k] /= total);
  }
  return { q, lam, A, z, means, c, E: S.w.map((w) => sum(n, (i) => p[i] * w[i] * means[i])) };
}

// H = A' diag(p) A (m m, its lower triangle), B_rj = sum_i p_i w_ri A_ij (e_ij - means_i) (a row a budget), and
// V_rl = sum_i p_i w_ri w_li Var_i(e) (K K).
function hessian(S, { q, A, means }) {
  const { n, m, K, p, e, w } = S, H = new Float64Array(m * m), B = w.map(() => new Float64Array(m));
  const V = new Float64Array(K * K), live = new Int32Array(m); // codewords that a letter is sent to at all
  for (let i = 0; i < n; i++) {
    let variance = 0, count = 0;
    for (let j = 0, k = i * m; j < m; j++, k++) {
      const a = p[i] * A[k], away = e[k] - means[i];
      variance += q[j] * A[k] * away * away;
      for (let r = 0; r < K; r++) B[r][j] += w[r][i] * a * away;
      if (a > 1e-40) for (let l = 0, row = j * m, other = i * m; l <= j; l++) H[row + l] += a * A[other + l];
    }
    for (let r = 0; r < K; r++) for (let l = 0; l < K; l++) V[r * K + l] += p[i] * w[r][i] * w[l][i] * variance;
  }
  return { H, B, V };
}

// The lower Cholesky factor of M (m m), in its place; false where M is not positive definite.
function factorise(M, m) {
  for (let j = 0; j < m; j++) {
    for (let i = j; i < m; i++) {
      let rest = M[i * m + j];
      for (let k = 0; k < j; k++) rest -= M[i * m + k] * M[j * m + k];
      if (i === j && !(rest > 0)) return false;
      M[i * m + j] = i === j ? Math.sqrt(rest) : rest / M[j * m + j];
    }
  }
  return true;
}

// (L L')^-1 b, (m), with L a lower factor.
function backsolve(L, b) {
  const m = b.length, v = Float64Array.from(b);
  for (let i = 0; i < m; i++) {
    for (let k = 0; k < i; k++) v[i] -= L[i * m + k] * v[k];
    v[i] /= L[i * m + i];
  }
  for (let i = m - 1; i >= 0; i--) {
    v[i] /= L[i * m + i];
    for (let k = 0; k < i; k++) v[k] -= L[i * m + k] * v[i];
  }
  return v;
}

// The solver r -> [d(q, lam), d(s, t)] of the linearised conditions, or null where they are singular:
//     [ H + diag(s/q)         B         ] [dq  ]   [ b_q + r_q / q           ]
//     [     -B'      V + diag(rho t/lam)] [dlam] = [ b_t + rho r_t / lam     ],   d(s, t) = (r - (s, t) d) / (q, lam),
// r what the products lack, b what the slacks do. Far from its budget E_r is matched by logarithms: as it falls like
// exp(-lam_r), Newton's step on log E_r = log(left_r - t_r) neither crawls nor overshoots.
function linearised(S, at, x, y, lack, { far, damping }) {
  const { m, K } = S, { H, B, V } = hessian(S, at), b = Float64Array.from(lack), rho = new Float64Array(m + K).fill(1);
  for (let r = 0; r < K; r++) {
    const room = 1 - y[m + r], quotient = Math.log(at.E[r] / room);
    if (Math.abs(quotient) > Math.log(far) && room > 1e-3 && at.E[r] > 1e-250) {
      rho[m + r] = at.E[r] / room;
      b[m + r] = at.E[r] * quotient;
    }
  }
  for (let j = 0; j < m; j++) H[j * m + j] += y[j] / x[j] + 1e-15;
  if (!factorise(H, m)) return null;
  const HB = B.map((column) => backsolve(H, column));
  for (let r = 0; r < K; r++) {
    for (let l = 0; l < K; l++) V[r * K + l] += sum(m, (j) => B[r][j] * HB[l][j]);
    V[r * K + r] += (rho[m + r] * y[m + r]) / x[m + r] + (damping * Math.abs(b[m + r])) / (1 + x[m + r]);
  }
  if (!factorise(V, K)) return null;
  return (products) => {
    const right = b.map((lacking, k) => lacking + (rho[k] * products[k]) / x[k]), dx = new Float64Array(m + K);
    const dq = backsolve(H, right.subarray(0, m));
    const dlam = backsolve(V, B.map((column, r) => right[m + r] + sum(m, (j) => column[j] * dq[j])));
    for (let j = 0; j < m; j++) dx[j] = dq[j] - sum(K, (r) => HB[r][j] * dlam[r]);
    dx.set(dlam, m);
    return [dx, dx.map((d, k) => (products[k] - y[k] * d) / x[k])];
  };
}

// The largest step at which no entry of v + step dv is negative.
function longest(v, dv) {
  let fastest = 0;
  for (let k = 0; k < v.length; k++) fastest = Math.max(fastest, -dv[k] / v[k]);
  return 1 / fastest;
}

// How to go about it: `nats` is lam_r left_r at the start over P(S_r); `updates` of a uniform q by q_j <- q_j c_j
// (Blahut 1972) come first; products are not driven below the share `lag` of what the slacks lack.
const ATTEMPTS = [
  { nats: 0.5, updates: 5, lag: 0.001, margin: 1e-8, far: 2, damping: 0, steps: 40 },
  { nats: 0.5, updates: 0, lag: 0.1, margin: MARGIN, far: 2, damping: 0, steps: 100 },
  { nats: 0.05, updates: 0, lag: 0.1, margin: MARGIN, far: Infinity, damping: 3, steps: 300 },
  { nats: 0.05, updates: 0, lag: 0.1, margin: MARGIN, far: 2, damping: 10, steps: 300 },
];

// The best { q, lam, merit } that one attempt meets; `merit` (nats) bounds what it misses of the optimum. The unknowns
// are u = (q, lam) and their slacks g = (s, t); `spread` is what the best single codeword spends.
function interiorPoint(S, spread, { nats, updates, lag, margin, steps, ...way }) {
  const { m, K, rows } = S, N = m + K, point = (u) => evaluate(S, u.subarray(0, m), u.subarray(m));
  const slack = (at, k) => (k < m ? 1 - at.c[k] : 1 - at.E[k - m]);
  const lacks = (g, at) => g.map((v, k) => v - slack(at, k)), mean = (term) => sum(N, term) / N;
  let u = new Float64Array(N).fill(1 / m), best = { merit: Infinity };
  rows.forEach(({ share, left }, r) => (u[m + r] = nats * Math.min(share, left / (0.02 * spread))));
  for (let k = 0; k < updates; k++) point(u).c.forEach((c, j) => (u[j] *= c));
  for (let j = 0; j < m; j++) u[j] = Math.max(u[j], 1e-3 / m);
  let at = point(u), g = u.map((_, k) => Math.max(slack(at, k), 0.1));
  for (let step = 0; step < steps; step++) {
    const lack = lacks(g, at), over = (r) => rows[r].share * Math.max(0, at.E[r] - 1 - INSET);
    const merit = Math.abs(Math.log(at.c.reduce((a, c) => Math.max(a, c)))) + Math.abs(sum(m, (j) => u[j]) - 1)
      + sum(K, (r) => u[m + r] * Math.abs(at.E[r] - 1) + over(r));
    if (merit < best.merit) best = { merit, q: at.q, lam: at.lam, step };
    if (best.merit <= MERIT && (step > best.step || merit <= 0.01 * MERIT)) break;
    const mu = mean((k) => u[k] * g[k]), short = mean((k) => u[k] * Math.abs(lack[k]));
    const solve = linearised(S, at, u, g, lack, way);
    if (!solve) break;
    let target = Math.max(Math.min(mu, lag * short), FLOOR), products = u.map((v, k) => -v * g[k]);
    if (Math.max(mu, short) > QUADRATIC) {
      const [du, dg] = solve(products), a = Math.min(longest(u, du), longest(g, dg), 1 / (1 - MARGIN));
      target = Math.max(mu * (mean((k) => (u[k] + a * du[k]) * (g[k] + a * dg[k])) / mu) ** 3, target);
      products = products.map((v, k) => v - du[k] * dg[k]);
    }
    const [du, dg] = solve(products.map((v) => target + v)), room = Math.min(longest(u, du), longest(g, dg));
    let a = Math.min(1, (1 - Math.min(MARGIN, mu + margin)) * room);
    for (let cut = 0, ends = false; !ends; cut++, a *= 0.3) {
      const u1 = u.map((v, k) => v + a * du[k]), g1 = g.map((v, k) => v + a * dg[k]);
      at = point(u1);
      const lack1 = lacks(g1, at), left = mean((k) => Math.max(u[k], u1[k]) * Math.abs(lack1[k]));
      ends = cut === 7 || left <= 2 * short + mu + 1e-10 / N; // a shorter step where the slacks lack much more
      if (ends) [u, g] = [u1, g1];
    }
  }
  return best;
}

// Q (n m) from the saddle's masses and A, moved towards the nearest codewords by as much as rounding exceeds a budget.
function encoder(S, { q, A, E }) {
  const { n, m } = S, Q = new Float64Array(n * m), excess = Math.max(0, ...E.map((spent) => 1 - (1 - INSET) / spent));
  for (let i = 0; i < n; i++) {
    const total = sum(m, (j) => q[j] * A[i * m + j]);
    for (let j = 0; j < m; j++) Q[i * m + j] = ((1 - excess) * q[j] * A[i * m + j]) / total;
    Q[i * m + S.nearest[i]] += excess;
  }
  return Q;
}

// I(X;Y) = sum_ij p_i Q_ij log(Q_ij / q_j) of an encoder, bits, and its q_j = sum_i p_i Q_ij, (m).
function rateOf({ n, m, p }, Q) {
  const q = Float64Array.from({ length: m }, (_, j) => sum(n, (i) => p[i] * Q[i * m + j]));
  const term = (i, k, j) => (Q[k] > 0 ? p[i] * Q[k] * Math.log(Q[k] / q[j]) : 0);
  return { q, rate: Math.max(0, sum(n, (i) => sum(m, (j) => term(i, i * m + j, j)))) / NATS_PER_BIT };
}

/*
The certificate, bits: for ANY prices lam >= 0 (nats) and ANY potentials b, every encoder within the budgets has
    I(X;Y) >= V = sum_i pi_i b_i - lam . left - max_j log c_j,   c_j = sum_i pi_i exp(b_i - theta_i e_ij)
with pi = p / sum p (weak duality: Blahut 1972, Chiang and Boyd 2004). Rounded down: with u = 2^-53, K budgets and exp
and log to 4 u, a term of c_j is off by (K + 6) u (1 + |b_i| + theta_i e_ij) of its size, sums over letters by n u of
their absolute terms, once here and once in sum p, and underflow by less than 1e-300. d_ij are the floats
(x_i - y_j)^2; elsewhere on the line squares are off by 3 u, which theta_i min_j d_ij beside the others covers.

`everywhere`: of every codebook on the line, c(y) in place of c_j. Its maximiser y* lies between the letters, and as
(log c)'' >= -2 max theta, log c(y*) <= log c(y) + max theta (y* - y)^2: intervals are halved until that decides.
*/
function lowerBound({ x, p, y, budgets }, lam, b, everywhere = false) {
  const { nearest } = excesses(x, y), n = x.length, slip = (2 * n + 2 * budgets.length + 32) * U;
  const all = (term) => sum(n, term), total = all((i) => p[i]), inside = ({ on }, i) => !on || on[i];
  const d = x.map((v, i) => (v - y[nearest[i]]) ** 2);
  const theta = x.map((_, i) => sum(lam.length, (r) => (inside(budgets[r], i) ? lam[r] : 0)));
  const least = budgets.map((f) => all((i) => (inside(f, i) ? p[i] * d[i] : 0)) / total);
  const gain = all((i) => p[i] * b[i]) / total - sum(lam.length, (r) => lam[r] * (budgets[r].D - least[r]));
  const size = all((i) => p[i] * Math.abs(b[i])) + sum(lam.length, (r) => lam[r] * (budgets[r].D + least[r]));
  const mass = (v) => { // c(v), rounded up
    let c = 1e-300;
    for (let i = 0; i < n; i++) {
      const t = theta[i] * ((x[i] - v) ** 2 - d[i]);
      c += (p[i] / total) * Math.exp(b[i] - t) * (1 + (1 + Math.abs(b[i]) + Math.abs(t) + theta[i] * d[i]) * slip);
    }
    return c;
  };
  let worst = y.reduce((most, v) => Math.max(most, mass(v)), 0), dropped = 0;
  const steep = Math.max(...theta), waiting = everywhere ? [[Math.min(...x), Math.max(...x)]] : [];
  while (waiting.length) {
    const [from, to] = waiting.pop(), middle = (from + to) / 2, c = mass(middle);
    const most = c * Math.exp(steep * ((to - from) / 2) ** 2 * (1 + 8 * U)) * (1 + 8 * U);
    worst = Math.max(worst, c);
    if (most <= worst * (1 + RESOLUTION)) dropped = Math.max(dropped, most);
    else waiting.push([from, middle], [middle, to]);
  }
  const log_c = Math.log(Math.max(worst, dropped)), nats = gain - log_c - slip * (size + 1 + Math.abs(log_c));
  return (Math.max(0, nats - 8 * U * Math.abs(nats)) / NATS_PER_BIT) * (1 - 4 * U);
}

/*
The answer to { x, p, y, budgets: [{ name, D, on }] }, on a boolean for each letter, or absent for all of them:
    { status: "optimal", rate, lowerBound, gap, prices, spent, q, Q, dual } or { status: "infeasible", name, D, least },
rates in bits, prices in bits per unit of distortion and what is spent a number a budget, Q row by row, dual = [lam, b].
A budget on the least that the codewords reach counts as below it: its price has no bound there.
*/
function solve(problem) {
  const S = saddle(problem), { n, m, p, e, rows } = S, short = rows.find(({ left, D }) => !(left > 1e-12 * D));
  if (short) return { status: "infeasible", name: short.name, D: short.D, least: short.least };
  const finish = (Q, lam, b) => {
    const spends = (i) => sum(m, (j) => Q[i * m + j] * e[i * m + j]), { q, rate } = rateOf(S, Q);
    const spent = rows.map(({ inside, least }) => least + sum(n, (i) => (inside(i) ? p[i] * spends(i) : 0)));
    const bound = lowerBound(problem, lam, b), prices = lam.map((l) => l / NATS_PER_BIT);
    return { status: "optimal", rate, lowerBound: bound, gap: rate - bound, prices, spent, q, Q, dual: [lam, b] };
  };
  const alone = (w, j) => sum(n, (i) => p[i] * w[i] * e[i * m + j]), words = Array.from({ length: m }, (_, j) => j);
  const enough = words.filter((j) => S.w.every((w) => alone(w, j) <= 1));
  if (enough.length) { // one codeword is within all budgets: the rate is zero
    const j = enough.reduce((best, j) => (alone(S.w[0], j) < alone(S.w[0], best) ? j : best));
    const Q = Float64Array.from({ length: n * m }, (_, k) => (k % m === j ? 1 : 0));
    return finish(Q, rows.map(() => 0), new Float64Array(n));
  }
  const spread = Math.min(...words.map((j) => sum(n, (i) => p[i] * e[i * m + j])));
  let best = { merit: Infinity };
  for (const attempt of ATTEMPTS) {
    const found = best.merit <= MERIT ? best : interiorPoint(S, spread, attempt);
    if (found.merit < best.merit) best = found;
  }
  const at = evaluate(S, best.q, best.lam), lam = rows.map(({ left }, r) => best.lam[r] / left);
  return finish(encoder(S, at), lam, at.z.map((z) => -Math.log(z)));
}
