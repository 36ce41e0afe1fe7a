/*
 * The operator of mfcore for the simulations in the pages: no framework, no module, so that a page opened
 * from a disk runs it too. tests/test_explore.py holds its numbers against mfcore's.
 */
(function () {
  "use strict";

  /** Numbers in [0, 1) from a seed (mulberry32), the same on every machine. */
  function random(seed) {
    let state = seed >>> 0;
    return function () {
      state = (state + 0x6d2b79f5) >>> 0;
      let t = Math.imul(state ^ (state >>> 15), state | 1);
      t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
      return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
    };
  }

  /** Divide each row of an array (n, d) by its norm, in place. */
  function normalize(x, d) {
    for (let start = 0; start < x.length; start += d) {
      let square = 0;
      for (let c = start; c < start + d; c++) square += x[c] * x[c];
      for (let c = start; c < start + d; c++) x[c] /= Math.sqrt(square);
    }
    return x;
  }

  /** n unit rows, uniform on the sphere: normalized Gaussians (Box and Muller). */
  function sample(n, d, uniform) {
    const x = Float64Array.from({ length: n * d }, () =>
      Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform()));
    return normalize(x, d);
  }

  /** Turn each plane (0, 1), (2, 3), ... of each row of an array (n, d) by `sign` times its angle, in place. */
  function rotate(x, angles, sign) {
    for (let k = 0; k < angles.length; k++) {
      const [c, s] = [Math.cos(angles[k]), sign * Math.sin(angles[k])];
      const [a, b] = [x[2 * k], x[2 * k + 1]];
      x[2 * k] = c * a - s * b;
      x[2 * k + 1] = s * a + c * b;
    }
    return x;
  }

  /** exp(-x) I_k(x), the modified Bessel function, by its integral over the circle. */
  function bessel(k, x) {
    const points = 64 + 2 * k + Math.ceil(8 * Math.sqrt(x));
    let sum = 0;
    for (let m = 0; m < points; m++) {
      const angle = (2 * Math.PI * m) / points;
      sum += Math.exp(x * (Math.cos(angle) - 1)) * Math.cos(k * angle);
    }
    return sum / points;
  }

  /** Where a function that changes its sign between two numbers is zero. */
  function root(f, low, high) {
    const rising = f(high) > 0;
    for (let k = 0; k < 100; k++) {
      const middle = (low + high) / 2;
      if (f(middle) > 0 === rising) high = middle;
      else low = middle;
    }
    return (low + high) / 2;
  }

  /**
   * Self-attention of n tokens in dimension d, rows of a flat array, with features z = R x + scale p: positions p,
   * and rotations R by `angles`, n times d/2 of them, where they are given. `values` is "features" or "tokens"
   * (encodings in queries and keys alone), `normalization` is "softmax" or "none". `masses` (n), of sum n, let one
   * token stand for several. All but n and d may be changed at any time.
   */
  class Attention {
    constructor({ n, d, beta, positions = null, scale = 0, angles = null, masses = null, values = "features",
      normalization = "softmax" }) {
      Object.assign(this, { n, d, beta, positions, scale, angles, masses, values, normalization });
      this._z = new Float64Array(n * d);
      this._drift = new Float64Array(n * d);
      this._total = new Float64Array(d);
      this._logMass = new Float64Array(n);
      this._potential = new Float64Array(n);
      this._logit = new Float64Array(n);
      this._h = 0.01;
    }

    // The sum of attention, differences first as in mfcore: -beta |z_i - z_j|^2 / 2 in the exponent and
    // v_j - v_i under the sum, so that a tight cluster's small drift is not lost in rounding.
    _attend(x) {
      const { n, d, beta, _z: z, _total: total, _potential: potential, _logit: logit, _drift: drift } = this;
      const shift = this.positions ? this.scale : 0;
      const carry = this.values === "features";
      const v = carry ? z : x;
      let top = 0;
      z.set(x);
      if (this.angles) rotate(z, this.angles, 1);
      for (let i = 0; i < n; i++) {
        let square = 0;
        for (let c = i * d; c < (i + 1) * d; c++) {
          if (shift) z[c] += shift * this.positions[c];
          square += z[c] * z[c];
        }
        potential[i] = square;
        top = Math.max(top, square);
      }
      for (let i = 0; i < n; i++) potential[i] = (beta / 2) * (potential[i] - top);

      for (let i = 0; i < n; i++) {
        const own = i * d;
        let peak = -Infinity;
        for (let j = 0, k = 0; j < n; j++) {
          let square = 0;
          for (let c = 0; c < d; c++, k++) square += (z[k] - z[own + c]) * (z[k] - z[own + c]);
          logit[j] = potential[j] - (beta / 2) * square;
          if (logit[j] > peak) peak = logit[j];
        }
        let mass = 0;
        total.fill(0);
        for (let j = 0, k = 0; j < n; j++) {
          const weight = Math.exp(logit[j] - peak) * (this.masses ? this.masses[j] : 1);
          mass += weight;
          for (let c = 0; c < d; c++, k++) total[c] += weight * (v[k] - v[own + c]);
        }
        // What the differences left out: beta (|z_i|^2 + top) / 2.
        this._logMass[i] = potential[i] + beta * top + peak + Math.log(mass);
        // The pull, up to a multiple of the token itself.
        for (let c = 0; c < d; c++) {
          drift[own + c] = total[c] / mass + (carry && shift ? shift * this.positions[own + c] : 0);
        }
      }
      if (this.angles && carry) rotate(drift, this.angles, -1);
    }

    /** The tangent field at unit tokens, written into `out`. */
    velocity(x, out = new Float64Array(x.length)) {
      const { n, d, _drift: drift } = this;
      this._attend(x);
      for (let i = 0; i < n; i++) {
        let radial = 0;
        for (let c = i * d; c < (i + 1) * d; c++) radial += x[c] * drift[c];
        // One root of the mass after the other: a large mass times a small drift may well be in range.
        const root = this.normalization === "softmax" ? 1 : Math.exp((this._logMass[i] - Math.log(n)) / 2);
        for (let c = i * d; c < (i + 1) * d; c++) out[c] = root * (root * (drift[c] - x[c] * radial));
      }
      return out;
    }

    /** Logarithm of the energy; NaN for values "tokens", whose field is no gradient. */
    logEnergy(x) {
      if (this.values === "tokens") return NaN;
      this._attend(x);
      const top = this._logMass.reduce((a, b) => Math.max(a, b));
      const sum = this._logMass.reduce((a, b, i) => a + Math.exp(b - top) * (this.masses ? this.masses[i] : 1), 0);
      return top + Math.log(sum) - 2 * Math.log(this.n) - Math.log(2 * this.beta);
    }

    /**
     * Move the tokens along the flow for a time `span`, in place, with the adaptive method of Bogacki and
     * Shampine, order 3. It is stopped by stability more than by accuracy in a page, and so the cheapest
     * evaluation counts. Returns the time done, less than span where `deadline` (ms since 1970) came first, or where
     * `stop`, asked before each step, said so.
     */
    advance(x, span, { tolerance = 1e-6, deadline = Infinity, stop = () => false } = {}) {
      const { d } = this;
      // v(x/|x|) extends the field off the sphere, and is tangent to every sphere around 0.
      const field = (y) => this.velocity(normalize(y, d));
      let slope = field(x);
      let time = 0;
      while (time < span && Date.now() <= deadline && !stop()) {
        const rest = span - time;
        const h = Math.min(this._h, rest);
        if (!(h > 0)) throw new RangeError("the flow cannot be continued: its velocity is out of range");
        const second = field(x.map((u, c) => u + (h / 2) * slope[c]));
        const third = field(x.map((u, c) => u + ((3 * h) / 4) * second[c]));
        const next = x.map((u, c) => u + (h / 9) * (2 * slope[c] + 3 * second[c] + 4 * third[c]));
        const last = field(next);
        let error = 0;
        for (let c = 0; c < x.length; c++) {
          const part = (h / 72) * (6 * second[c] + 8 * third[c] - 5 * slope[c] - 9 * last[c]);
          error = Math.max(error, Math.abs(part));
        }
        if (error <= tolerance) {
          x.set(next);
          slope = last;
          time = h === rest ? span : time + h;
        }
        // The last piece of a span may be short for no fault of the error.
        const factor = Math.min(5, Math.max(0.2, 0.9 * Math.cbrt(tolerance / error)));
        if (h === this._h || factor < 1) this._h = h * factor;
      }
      return time;
    }
  }

  const Explore = { Attention, bessel, normalize, random, root, rotate, sample };
  if (typeof module === "object" && module.exports) module.exports = Explore;
  else window.Explore = Explore;
})();
