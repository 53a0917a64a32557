// Header, navigation and the state of the connection around a view.

import { Burger, Drawer } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { type ReactNode, useContext, useEffect } from "react";
import { Link, useLocation } from "wouter";
import { useConnectionState } from "../live/hooks.tsx";
import { useSpeech } from "../words/language.tsx";
import { Choices } from "./Choices.tsx";
import { ConfigContext } from "./context.ts";
import type { Viewer } from "./Signed.tsx";

export interface NavItem {
  path: string;
  name: string;
  /** How many things there need somebody; nothing is shown for 0. */
  count?: number;
}

function Nav({ items, onChosen }: { items: NavItem[]; onChosen?(): void }) {
  const [at] = useLocation();
  const { words } = useSpeech();
  return (
    <nav aria-label={words.menu}>
      <ul>
        {items.map(({ path, name, count }) => (
          <li key={path}>
            <Link
              href={path}
              onClick={() => onChosen?.()}
              aria-current={at === path || (path !== "/" && at.startsWith(`${path}/`)) ? "page" : undefined}
            >
              <span>{name}</span>
              {count ? <span className="count">{count}</span> : null}
            </Link>
          </li>
        ))}
      </ul>
    </nav>
  );
}

function ConnectionMark() {
  const state = useConnectionState();
  const { words } = useSpeech();
  return (
    <span className="connection" data-state={state} role="status" title={words.connectionTold[state]}>
      <i aria-hidden="true" />
      {words.connection[state]}
    </span>
  );
}

export function Frame(props: { viewer: Viewer | null; nav: NavItem[]; onSignOut(): void; children: ReactNode }) {
  const { words, clock } = useSpeech();
  const config = useContext(ConfigContext);
  const [at] = useLocation();
  const [opened, drawer] = useDisclosure(false);
  const name = props.viewer?.identity?.name;
  const here = props.nav.find(({ path }) => path === at)?.name;
  useEffect(() => {
    document.title = here ? `${here} · ${config.community}` : config.community;
  }, [here, config.community]);
  return (
    <div className="frame">
      <a className="skip" href="#main">
        {words.skip}
      </a>
      <header className="top">
        {props.nav.length > 0 && (
          <Burger className="burger" size="sm" opened={opened} onClick={drawer.toggle} aria-label={words.menu} />
        )}
        <Link href="/" className="brand">
          <img src="/mark.svg" alt="" width="26" height="26" />
          <span>{config.community}</span>
        </Link>
        <div className="top-end">
          <ConnectionMark />
          <span className="who">
            {name ? <b>{name}</b> : null}
            {props.viewer && <small>{words.roles[props.viewer.role]}</small>}
          </span>
          <Choices />
          <button type="button" className="quiet wide-only" onClick={() => print()}>
            {words.print}
          </button>
          <button type="button" className="quiet" onClick={props.onSignOut}>
            {words.signOut}
          </button>
        </div>
      </header>
      <div className="body">
        <div className="side">
          <Nav items={props.nav} />
        </div>
        <main id="main" tabIndex={-1}>
          <p className="print-only note">
            {[name, props.viewer && words.roles[props.viewer.role], words.printed(clock.fullDay(Date.now()))]
              .filter(Boolean)
              .join(" · ")}
          </p>
          {props.children}
        </main>
      </div>
      <Drawer
        opened={opened}
        onClose={drawer.close}
        size="16rem"
        title={config.community}
        closeButtonProps={{ "aria-label": words.menu }}
      >
        <div className="side-drawer">
          <Nav items={props.nav} onChosen={drawer.close} />
        </div>
      </Drawer>
    </div>
  );
}
