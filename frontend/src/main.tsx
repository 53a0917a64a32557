import "@fontsource-variable/inter/wght.css";
import "./app/styles/components.css";
import "./app/styles/ground.css";
import "./app/styles/frame.css";
import "./app/styles/panels.css";
import "./app/styles/door.css";
import "./app/styles/small.css";
import "./app/styles/charts.css";
import "./app/styles/views.css";
import "./app/styles/print.css";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./app/App.tsx";

const root = document.getElementById("root");
if (root)
  createRoot(root).render(
    <StrictMode>
      <App />
    </StrictMode>,
  );
