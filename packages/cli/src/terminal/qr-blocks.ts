import QRCode from 'qrcode';

/**
 * A QR code out of half blocks. On a screen it sets both colours, so that a phone reads it from dark screens too; elsewhere it is
 * plain text, dark where the text is.
 */
export function qrBlocks(text: string, colour: boolean): Promise<string> {
  return QRCode.toString(text, { type: colour ? 'terminal' : 'utf8', small: true, errorCorrectionLevel: 'M' });
}
