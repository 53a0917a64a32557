import { createTheme, type MantineColorsTuple } from "@mantine/core";

const leaf: MantineColorsTuple = [
  "#eaf6f1",
  "#d5ebe2",
  "#a9d8c5",
  "#7ac4a7",
  "#54b38d",
  "#3ba87d",
  "#1f8f68",
  "#12735a",
  "#0b5b47",
  "#054535",
];

export const theme = createTheme({
  primaryColor: "leaf",
  primaryShade: 7,
  colors: { leaf },
  autoContrast: true,
  defaultRadius: "sm",
  fontFamily:
    '"Inter Variable", "Segoe UI Variable Text", "Segoe UI", system-ui, -apple-system, "Noto Sans", sans-serif',
  fontFamilyMonospace: 'ui-monospace, "SF Mono", "Cascadia Mono", "Noto Sans Mono", monospace',
  headings: { fontWeight: "600" },
  respectReducedMotion: true,
});
