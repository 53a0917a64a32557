// A role's views in their frame: the menu, the ways, and what stands there while a view's code is on its way.

import { type ReactNode, Suspense } from "react";
import { Route, Switch } from "wouter";
import { Waiting } from "../pieces/shown.tsx";
import { Frame, type NavItem } from "./Frame.tsx";
import { NotFound } from "./NotFound.tsx";
import type { FrameProps } from "./Signed.tsx";

/** A view without a name is reached from another one, not from the menu. */
export interface View extends Omit<NavItem, "name"> {
  name?: string;
  shows: ReactNode | ((parts: Record<string, string | undefined>) => ReactNode);
}

export function Views({ frame, views }: { frame: FrameProps; views: readonly View[] }) {
  const nav = views.flatMap(({ path, name, count }) => (name ? [{ path, name, ...(count ? { count } : {}) }] : []));
  return (
    <Frame {...frame} nav={nav}>
      <Suspense fallback={<Waiting rows={6} />}>
        <Switch>
          {views.map(({ path, shows }) => (
            <Route<Record<string, string | undefined>> key={path} path={path}>
              {shows}
            </Route>
          ))}
          <Route>
            <NotFound />
          </Route>
        </Switch>
      </Suspense>
    </Frame>
  );
}
