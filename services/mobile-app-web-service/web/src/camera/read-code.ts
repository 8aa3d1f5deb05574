/** The text of a QR code in the picture, if there is one. */
export type ReadCode = (screen: HTMLVideoElement) => Promise<string | undefined>;

/** Of the Barcode Detection API, which not every browser has. */
interface Detector {
  detect: (image: HTMLVideoElement) => Promise<readonly { rawValue: string }[]>;
}
interface DetectorClass {
  new (options: { formats: readonly string[] }): Detector;
  getSupportedFormats: () => Promise<readonly string[]>;
}

/** The reader of the platform where there is one, else our own. */
export async function codeReader(): Promise<ReadCode> {
  const { BarcodeDetector } = globalThis as { BarcodeDetector?: DetectorClass };
  const formats = (await BarcodeDetector?.getSupportedFormats().catch(() => [])) ?? [];
  if (BarcodeDetector === undefined || !formats.includes('qr_code'))
    return (await import('./read-pixels.ts')).readPixels();
  const detector = new BarcodeDetector({ formats: ['qr_code'] });
  // Pictures that are not there yet.
  return async (screen) => (await detector.detect(screen).catch(() => []))[0]?.rawValue;
}
