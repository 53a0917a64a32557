// A member's views.

import { lazy } from "react";
import type { FrameProps } from "../app/Signed.tsx";
import { Views } from "../app/Views.tsx";
import { useWords } from "../words/language.tsx";
import * as member from "../words/member.ts";
import { useNews } from "./news.ts";
import { Overview } from "./Overview.tsx";

const Energy = lazy(() => import("./Energy.tsx"));
const Credits = lazy(() => import("./Credits.tsx"));
const Shares = lazy(() => import("./Shares.tsx"));
const Wallet = lazy(() => import("./Wallet.tsx"));
const News = lazy(() => import("./News.tsx"));

export default function Member({ frame }: { frame: FrameProps }) {
  const { nav } = useWords(member);
  const unread = useNews()?.unreadCount ?? 0;
  return (
    <Views
      frame={frame}
      views={[
        { path: "/", name: nav.overview, shows: <Overview viewer={frame.viewer} /> },
        { path: "/energy", name: nav.energy, shows: <Energy /> },
        { path: "/credits", name: nav.credits, shows: <Credits /> },
        { path: "/shares", name: nav.shares, shows: <Shares /> },
        { path: "/wallet", name: nav.wallet, shows: <Wallet /> },
        { path: "/news", name: nav.news, count: unread, shows: <News /> },
      ]}
    />
  );
}
