// A worker that asks another origin, whose address follows the question mark.
fetch(decodeURIComponent(self.location.search.slice(1))).then(() => self.postMessage("got"), () => self.postMessage("refused"));
