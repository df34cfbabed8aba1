// Says on the page what a visitor would otherwise find in the console only. Comes before all other scripts.
addEventListener(
  'error',
  ({ target, message }) => {
    if (target === window) return say(`The page's script failed: ${message}.`);
    say(
      `${target.getAttribute('src') ?? target.href} could not be loaded. Does the server run? Then reload.`,
    );
  },
  true, // what cannot be loaded is told to its element alone
);
addEventListener('unhandledrejection', ({ reason }) => say(`The page's script failed: ${reason}.`));

/** The first trouble: what follows is mostly its consequence. */
function say(sentence) {
  if (document.querySelector('.trouble')) return;
  const line = document.createElement('p');
  line.className = 'trouble';
  line.setAttribute('role', 'alert');
  line.textContent = sentence;
  document.body.prepend(line); // scripts are deferred, so there is a body
}
