/** Shows what the camera sees, the one on the back where there are two, until the signal ends it. @throws whatever keeps it from that. */
export async function openCamera(screen: HTMLVideoElement, signal: AbortSignal): Promise<void> {
  const stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: 'environment' }, audio: false });
  const stop = () => {
    for (const track of stream.getTracks()) track.stop();
  };
  if (signal.aborted) return stop();
  signal.addEventListener('abort', stop);
  screen.srcObject = stream;
  return screen.play();
}
