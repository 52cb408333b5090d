// What the portal adds when scripts run. Every page works without this file.
// All listeners sit on the document, so parts swapped in by htmx need no set-up.
//
//   data-copy="text"            copies the text; data-copy-from="#id" copies what that element says
//   data-dialog-open="id"       opens the <dialog> of that id; the element is a link to the same form as a page
//   data-dialog-close           closes the dialog it stands in
//   <dialog data-dialog-shown>  is shown modally when it arrives (a form that came back with errors)
//   data-reveal="#id"           shows and hides a password
//   data-dismiss                removes the message it stands in
//   .row-link                   a click anywhere in its table row follows it
//   .select-all, .row-select    tick all rows; [data-selected-count] says how many
//   <details class="menu">      closes by Escape and by a click elsewhere
{
  const announce = (text) => {
    const region = document.getElementById("announcer");
    if (region) region.textContent = text;
  };

  // Copying. The clipboard API needs a secure context; an installation reached by plain http falls back.
  const copyText = async (text) => {
    if (navigator.clipboard && window.isSecureContext) {
      await navigator.clipboard.writeText(text);
      return;
    }
    const area = document.createElement("textarea");
    area.value = text;
    area.className = "visually-hidden";
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    if (!done) throw new Error("copy refused");
  };

  const copy = async (button) => {
    const source = button.dataset.copyFrom && document.querySelector(button.dataset.copyFrom);
    try {
      await copyText(source ? source.textContent : button.dataset.copy);
    } catch {
      announce("Copying was refused by the browser. Select the text and copy it by hand.");
      return;
    }
    announce("Copied.");
    button.dataset.copied = "";
    setTimeout(() => {
      delete button.dataset.copied;
      announce("");
    }, 1600);
  };

  // Dialogs. An opener is a link for those without scripts; with scripts it acts, and is announced, as a button.
  const dialogOf = (opener) => document.getElementById(opener.dataset.dialogOpen);

  // The first thing to fill in, of a choice what is chosen, or the dialog itself, so that its title is read; not the button that closes it.
  const show = (dialog) => {
    dialog.showModal();
    const field = dialog.querySelector('[aria-invalid="true"]') ?? dialog.querySelector(".dialog-body :is(input:not([type=hidden], [type=radio]:not(:checked)), select, textarea)");
    (field ?? dialog).focus();
  };

  const prepare = (root) => {
    for (const opener of root.querySelectorAll("[data-dialog-open]")) {
      if (!(dialogOf(opener) instanceof HTMLDialogElement)) continue;
      opener.setAttribute("aria-haspopup", "dialog");
      if (opener instanceof HTMLAnchorElement) opener.setAttribute("role", "button");
    }
    for (const dialog of root.querySelectorAll("dialog[data-dialog-shown]")) {
      dialog.removeAttribute("data-dialog-shown");
      dialog.removeAttribute("open");
      show(dialog);
    }
    for (const box of root.querySelectorAll(".select-all")) refreshSelection(scopeOf(box));
    for (const input of root.querySelectorAll('input[name="theme"]')) {
      input.checked = input.value === (document.documentElement.dataset.theme ?? "system");
    }
  };

  // Selection of table rows.
  const scopeOf = (box) => box.closest("form") ?? box.closest("table");

  const refreshSelection = (scope) => {
    if (!scope) return;
    const boxes = [...scope.querySelectorAll(".row-select")];
    const ticked = boxes.filter((box) => box.checked).length;
    for (const all of scope.querySelectorAll(".select-all")) {
      all.checked = ticked > 0 && ticked === boxes.length;
      all.indeterminate = ticked > 0 && ticked < boxes.length;
    }
    for (const count of scope.querySelectorAll("[data-selected-count]")) {
      count.textContent = ticked === 1 ? "1 selected" : `${ticked} selected`;
    }
  };

  const chooseTheme = (theme) => {
    if (theme === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    try {
      if (theme === "system") localStorage.removeItem("theme");
      else localStorage.setItem("theme", theme);
    } catch {
      // The choice then holds for this page only.
    }
  };

  document.addEventListener("click", (event) => {
    if (!(event.target instanceof Element)) return;
    const hit = (selector) => event.target.closest(selector);

    const copier = hit("[data-copy], [data-copy-from]");
    if (copier) void copy(copier);

    const opener = hit("[data-dialog-open]");
    if (opener && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
      const dialog = dialogOf(opener);
      if (dialog instanceof HTMLDialogElement) {
        event.preventDefault();
        opener.closest("details.menu")?.removeAttribute("open");
        show(dialog);
      }
    }

    const closer = hit("[data-dialog-close]");
    if (closer) {
      event.preventDefault();
      closer.closest("dialog")?.close();
    }

    const revealer = hit("[data-reveal]");
    if (revealer) {
      const input = document.querySelector(revealer.dataset.reveal);
      if (input) {
        const shown = input.type === "password";
        input.type = shown ? "text" : "password";
        revealer.setAttribute("aria-pressed", String(shown));
      }
    }

    hit("[data-dismiss]")?.closest(".message")?.remove();

    const row = hit("tbody tr");
    const link = row?.querySelector(".row-link");
    if (link && !hit("a, button, input, label, select, textarea, summary, dialog, .cell-select")) {
      if (!getSelection()?.toString()) {
        if (event.ctrlKey || event.metaKey) window.open(link.href, "_blank", "noopener");
        else link.click();
      }
    }

    for (const menu of document.querySelectorAll("details.menu[open]")) {
      if (!menu.contains(event.target)) menu.removeAttribute("open");
    }
  });

  document.addEventListener("keydown", (event) => {
    if (!(event.target instanceof Element)) return;
    const opener = event.target.closest('a[role="button"][data-dialog-open]');
    if (opener && event.key === " ") {
      event.preventDefault();
      opener.click();
    }
    const menu = event.target.closest("details.menu[open]");
    if (menu && event.key === "Escape") {
      event.preventDefault();
      menu.removeAttribute("open");
      menu.querySelector("summary")?.focus();
    }
  });

  // A form that is on its way is not sent again by a second click. The button is let go once its value was read.
  document.addEventListener("submit", (event) => {
    if (event.defaultPrevented || event.target.getAttribute("method") !== "post") return;
    const buttons = event.target.querySelectorAll("button[type=submit], button:not([type])");
    setTimeout(() => buttons.forEach((button) => (button.disabled = true)));
    addEventListener("pageshow", () => buttons.forEach((button) => (button.disabled = false)), { once: true });
  });

  // Filters that are not set stay out of the address, which is there to be shared.
  document.addEventListener("formdata", (event) => {
    if (!event.target.matches(".filters-bar")) return;
    for (const name of new Set(event.formData.keys())) {
      if (event.formData.getAll(name).every((value) => value === "")) event.formData.delete(name);
    }
  });

  document.addEventListener("change", (event) => {
    const input = event.target;
    if (!(input instanceof HTMLInputElement)) return;
    if (input.name === "theme" && input.closest(".theme-choice")) chooseTheme(input.value);
    if (input.classList.contains("select-all")) {
      const scope = scopeOf(input);
      for (const box of scope.querySelectorAll(".row-select:not(:disabled)")) box.checked = input.checked;
    }
    if (input.matches(".select-all, .row-select")) refreshSelection(scopeOf(input));
  });

  // A drawer that was open on a narrow window would stay on top of a wide one.
  matchMedia("(width >= 60rem)").addEventListener("change", () => {
    const drawer = document.getElementById("navigation");
    if (drawer?.matches(":popover-open")) drawer.hidePopover();
  });

  document.addEventListener("htmx:load", (event) => prepare(event.target.parentElement ?? document));
  document.addEventListener("htmx:responseError", (event) => {
    if (event.target.matches("[data-saved-section]")) return; // saved-form.js says what is not saved
    announce("The page could not be refreshed. Reload it to see the current state.");
  });
  prepare(document);
  // On a phone the tabs scroll sideways; the current one should be seen.
  document.querySelector(".tabs [aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });

  // A refused form takes the reader to what is wrong.
  document.querySelector(".error-summary")?.focus();
}
