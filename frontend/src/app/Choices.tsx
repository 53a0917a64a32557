// Language and colour scheme: two small menus that stand on every page.

import { Menu, useMantineColorScheme } from "@mantine/core";
import { useSpeech } from "../words/language.tsx";

const SCHEMES = ["light", "dark", "auto"] as const;

export function Choices() {
  const { words, language, choose } = useSpeech();
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  return (
    <>
      <button
        type="button"
        className="quiet"
        lang={language === "de" ? "en" : "de"}
        aria-label={language === "de" ? "EN – Switch to English" : "DE – Auf Deutsch umschalten"}
        onClick={() => choose(language === "de" ? "en" : "de")}
      >
        {language === "de" ? "EN" : "DE"}
      </button>
      <Menu position="bottom-end" withinPortal>
        <Menu.Target>
          <button type="button" className="quiet" aria-label={words.scheme}>
            <svg viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
              <circle cx="8" cy="8" r="6.2" fill="none" stroke="currentColor" strokeWidth="1.5" />
              <path d="M8 1.8a6.2 6.2 0 0 1 0 12.4z" fill="currentColor" />
            </svg>
          </button>
        </Menu.Target>
        <Menu.Dropdown>
          {SCHEMES.map((scheme) => (
            <Menu.Item key={scheme} onClick={() => setColorScheme(scheme)} aria-current={scheme === colorScheme}>
              {scheme === colorScheme ? "✓ " : ""}
              {words.schemes[scheme]}
            </Menu.Item>
          ))}
        </Menu.Dropdown>
      </Menu>
    </>
  );
}
