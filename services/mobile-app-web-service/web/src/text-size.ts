const KEY = 'countersign-large';

export function isTextLarge(): boolean {
  return localStorage.getItem(KEY) !== null;
}

/** Shows all text larger than the device does, now and next time. */
export function applyLarge(isLarge: boolean): void {
  const { dataset } = document.documentElement;
  if (isLarge) {
    localStorage.setItem(KEY, 'yes');
    dataset['text'] = 'large';
  } else {
    localStorage.removeItem(KEY);
    delete dataset['text'];
  }
}
