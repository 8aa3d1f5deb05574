import jsQR from 'jsqr';
import type { ReadCode } from './read-code.ts';

/** More pixels take longer and find no more. */
const MAX_SIDE_PX = 640;

export function readPixels(): ReadCode {
  const canvas = document.createElement('canvas');
  const context = canvas.getContext('2d', { willReadFrequently: true });
  return async (screen) => {
    const { videoWidth, videoHeight } = screen;
    if (context === null || videoWidth === 0) return undefined;
    const scale = Math.min(1, MAX_SIDE_PX / Math.max(videoWidth, videoHeight));
    canvas.width = Math.round(videoWidth * scale);
    canvas.height = Math.round(videoHeight * scale);
    context.drawImage(screen, 0, 0, canvas.width, canvas.height);
    const { data, width, height } = context.getImageData(0, 0, canvas.width, canvas.height);
    return jsQR(data, width, height, { inversionAttempts: 'dontInvert' })?.data;
  };
}
