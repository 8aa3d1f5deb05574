import { Alert, Button } from '@countersign/ui';
import { useEffect, useRef, useState } from 'react';
import { openCamera } from '../camera/camera.ts';
import { codeReader } from '../camera/read-code.ts';
import { useHouse } from '../context.tsx';
import { read } from '../protocol/scanned.ts';
import { Title } from '../title.tsx';

const PAUSE_MS = 150;

/** The picture stays on this phone, and is looked at only while this page is open. */
export function Scan() {
  const { say, phone, confirm, go } = useHouse();
  const video = useRef<HTMLVideoElement>(null);
  const [isRefused, setRefused] = useState(false);
  const [isUnknown, setUnknown] = useState(false);
  const { pause, server } = phone;
  const found = useRef(confirm);
  found.current = confirm;
  useEffect(() => {
    const controller = new AbortController();
    const { signal } = controller;
    const look = async (screen: HTMLVideoElement) => {
      await openCamera(screen, signal);
      const readCode = await codeReader();
      while (!signal.aborted) {
        const text = await readCode(screen);
        const scanned = text === undefined ? undefined : read(text, server);
        if (scanned !== undefined && !signal.aborted) {
          setUnknown(scanned.is === 'unknown');
          if (scanned.is !== 'unknown') return found.current(scanned);
        }
        await pause(PAUSE_MS, signal);
      }
    };
    if (video.current !== null) look(video.current).catch(() => !signal.aborted && setRefused(true));
    return () => controller.abort();
  }, [pause, server]);
  return (
    <section className="panel">
      <Title text={say('scan.title')} />
      {isRefused ? <Alert tone="bad">{say('scan.refused')}</Alert> : <p>{say('scan.text')}</p>}
      {isUnknown ? <Alert tone="note">{say('scan.unknown')}</Alert> : null}
      <video ref={video} className="camera" aria-label={say('scan.camera')} hidden={isRefused} muted playsInline />
      <Button onPress={() => go({ at: 'type' })}>{say('add.type')}</Button>
    </section>
  );
}
