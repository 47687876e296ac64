/**
 * Natural logarithm from IEEE additions, multiplications and divisions alone.
 *
 * `Math.log` may differ in the last bit from one JavaScript engine to the next; this one cannot, so that a seed gives
 * the same normals everywhere. Method of fdlibm's `e_log.c` (Sun Microsystems, 1993): x = 2^k · (1+f) with
 * √2/2 < 1+f < √2, and log(1+f) by a series in s = f/(2+f). Error below 2 ulp.
 */
const view = new DataView(new ArrayBuffer(8));

/** @param x a positive, finite, normal double */
export function log(x: number): number {
  view.setFloat64(0, x);
  const high = view.getUint32(0);
  let k = (high >>> 20) - 1023;
  view.setUint32(0, (high & 0x000fffff) | 0x3ff00000); // the mantissa, in [1, 2)
  let m = view.getFloat64(0);
  if (m > Math.SQRT2) {
    m /= 2;
    k += 1;
  }
  const f = m - 1;
  const s = f / (2 + f);
  const z = s * s;
  // log(1+f) = 2s + s³·2/3 + s⁵·2/5 + … in fdlibm's minimax coefficients
  const r =
    z *
    (0.6666666666666735 +
      z *
        (0.3999999999940942 +
          z *
            (0.2857142874366239 +
              z *
                (0.22222198432149784 +
                  z * (0.1818357216161805 + z * (0.15313837699209373 + z * 0.14798198605116586))))));
  const half = 0.5 * f * f;
  // ln 2 in two parts: k · ln2High is exact
  const ln2High = 0.6931471803691238;
  const ln2Low = 1.9082149292705877e-10;
  return k * ln2High - (half - (s * (half + r) + k * ln2Low) - f);
}
