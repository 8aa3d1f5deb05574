import { useCallback, useEffect, useState } from 'react';

/** Where one is in the app. It lies in the history, so that the way back of the phone works; nothing secret does. */
export type Route =
  | { readonly at: 'home' | 'add' | 'scan' | 'type' | 'paste' | 'confirm' | 'settings' }
  | { readonly at: 'account'; readonly deviceId: string };

const HOME: Route = { at: 'home' };

function routeOf(state: unknown): Route {
  return typeof state === 'object' && state !== null && 'at' in state ? (state as Route) : HOME;
}

export function useRoute(): { route: Route; go: (route: Route) => void; back: () => void; goHome: () => void } {
  const [route, setRoute] = useState<Route>(() => routeOf(history.state));
  useEffect(() => {
    const follow = (event: PopStateEvent) => setRoute(routeOf(event.state));
    addEventListener('popstate', follow);
    return () => removeEventListener('popstate', follow);
  }, []);
  const go = useCallback((next: Route) => {
    history.pushState(next, '', location.pathname);
    setRoute(next);
  }, []);
  const goHome = useCallback(() => {
    history.replaceState(HOME, '', location.pathname);
    setRoute(HOME);
  }, []);
  return { route, go, back: useCallback(() => (history.state === null ? goHome() : history.back()), [goHome]), goHome };
}
